"""What every adapter promises, as tests.

Derive a class from Contract, give it a fixture `driver`, and run pytest.
"""

from session_plugin.testing.contract.commands import CommandContract
from session_plugin.testing.contract.conversation import ConversationContract
from session_plugin.testing.contract.endings import EndingContract
from session_plugin.testing.contract.finding import FindingContract
from session_plugin.testing.contract.life import LifeContract
from session_plugin.testing.contract.patience import PatienceContract
from session_plugin.testing.contract.privacy import PrivacyContract
from session_plugin.testing.contract.strangers import StrangerContract
from session_plugin.testing.contract.troubles import TroubleContract

__all__ = [
    "CommandContract",
    "Contract",
    "ConversationContract",
    "EndingContract",
    "FindingContract",
    "LifeContract",
    "PatienceContract",
    "PrivacyContract",
    "StrangerContract",
    "TroubleContract",
]


class Contract(
    ConversationContract,
    CommandContract,
    FindingContract,
    PrivacyContract,
    StrangerContract,
    LifeContract,
    TroubleContract,
    PatienceContract,
    EndingContract,
):
    """The whole contract. Its tests are coroutines, so pytest-asyncio has to be installed.

    Example:
        class TestMyAdapter(Contract):
            @pytest.fixture
            async def driver(self):
                async with MySimulator() as simulator:
                    yield MyDriver(simulator)
    """
