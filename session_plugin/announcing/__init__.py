"""What follows a COMMIT: plugins and people are notified. Also the leases by which adapters keep a
hub open.
"""
