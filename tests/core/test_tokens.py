"""The estimate of tokens beside a real tokenizer."""

import bpe_openai
import pytest

from session_plugin.context.tokens import estimate_tokens

TEXTS = {
    "English chat": "hey, are we still on for tomorrow? I can't make it before 3pm, maybe 3:30 works better. Let me know!",
    "English prose": "The committee considered several alternatives before concluding that the existing arrangement, "
    "although imperfect, represented the most sustainable long-term solution for all "
    "participating organisations.",
    "German": "Könntest du mir bitte morgen die Unterlagen für die Steuererklärung mitbringen? Die Zahlungsbestätigung der "
    "Versicherungsgesellschaft kommt nächste Woche.",
    "French": "Est-ce que tu pourrais m'envoyer l'adresse du restaurant ? J'ai réservé pour quatre personnes à huit heures.",
    "Russian": "Привет, ты завтра свободен? Давай встретимся около метро в семь часов, а потом пойдём в кино.",
    "Chinese": "你好，请问明天下午三点的会议还照常进行吗？我可能会晚到十分钟左右，请先开始。",
    "Japanese": "明日の会議は予定通り行われますか？少し遅れるかもしれませんので、先に始めてください。",
    "Korean": "내일 회의는 예정대로 진행되나요? 제가 조금 늦을 수도 있으니 먼저 시작해 주세요.",
    "Arabic": "مرحبا، هل الاجتماع غدا في الموعد المحدد؟ قد أتأخر قليلا، من فضلك ابدأ بدوني.",
    "Hindi": "नमस्ते, क्या कल की बैठक समय पर होगी? मुझे थोड़ी देर हो सकती है, कृपया शुरू कर दें।",
    "Greek": "Γεια σου, θα βρεθούμε αύριο το απόγευμα στο καφέ δίπλα στον σταθμό;",
    "Hebrew": "שלום, האם הפגישה מחר מתקיימת כמתוכנן? אולי אאחר קצת.",
    "Thai": "สวัสดีครับ พรุ่งนี้ประชุมกี่โมงครับ ผมอาจจะมาสายนิดหน่อย",
    "Vietnamese": "Xin chào, ngày mai chúng ta có họp không? Tôi có thể đến muộn một chút.",
    "Turkish": "Merhaba, yarınki toplantı planlandığı gibi yapılacak mı? Biraz gecikebilirim.",
    "Polish": "Cześć, czy jutrzejsze spotkanie odbędzie się zgodnie z planem? Mogę się trochę spóźnić.",
    "Finnish": "Hei, pidetäänkö huominen kokous suunnitelmien mukaan? Saatan myöhästyä hieman.",
    "emoji": "😀😂🎉 great 👍🏽 thanks 🙏🙏 see you ❤️",
    "Python": 'def add(a: int, b: int) -> int:\n    return a + b\n\nfor i in range(10):\n    print(f"{i}: {add(i, 2)}")\n',
    "JSON": '{"id": 12345, "name": "Ann", "tags": ["a", "b"], "price": 12.50, "ok": true}',
    "Markdown": "## Plan\n\n- [ ] buy milk\n- [x] call **Bob**\n\n```sh\npip install foo\n```\n",
    "a link": "https://example.com/path/to/page?id=42&ref=abcDEF123#section-2",
    "numbers": "4111 1111 1111 1111, +43 660 1234567, 2026-11-25 03:05:00",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_an_ordinary_text_is_estimated_as_documented(text):
    real = len(bpe_openai.get_encoding("o200k_base").encode(text))
    assert 0.95 <= estimate_tokens(text) / real <= 1.8


@pytest.mark.parametrize(
    "text",
    ["xkqz vbnmtr plokij qwerpoiu zxcvmnb asdlkj", "aGVsbG8gd29ybGQgdGhpcyBpcyBhIHRlc3Qgb2Yg"],
)
def test_random_letters_are_underestimated_but_not_beyond_what_is_said(text):
    real = len(bpe_openai.get_encoding("o200k_base").encode(text))
    assert 0.3 <= estimate_tokens(text) / real < 0.95


def test_no_text_is_no_token():
    assert estimate_tokens("") == 0
