"""The Realtime brain: speech to speech over one WebSocket, in the GA dialect or the older beta one.

    commands ─> session ─> connection ─> wire.encode ─> JSON ─┐
                                                              ├─ server
    events   <─ post    <─ connection <─ wire.decode <─ JSON ─┘

`wire` is pure; `address` says where to connect and how to refuse; `connection` is the life of one socket; `session`
hands each order to the connection that it is for.
"""
