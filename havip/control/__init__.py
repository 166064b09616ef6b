"""How a running daemon is asked: one JSON object a line each way over a unix socket.

``{"verb": "status"}`` is answered by ``{"ok": true, "status": {...}}``, a refusal by ``{"ok": false,
"reason": "...", "message": "..."}``.  Several requests may follow each other on one connection.
"""
