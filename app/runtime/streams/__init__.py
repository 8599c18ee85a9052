"""STREAMS: what changed, to every open page and program: topics as JSON, page regions as HTML.

board     the current state of every topic and region, and the messages made from it
lanes     coalescing: all clients of one rate share one timer, one encode and one frame
hub       who listens, limits, slow clients, shutdown: the only thing that others talk to
response  the ASGI end: hands a client's socket over to the hub
socket    the WebSocket end: the same events as messages
framing   message → bytes
"""
