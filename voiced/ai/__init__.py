"""The API as the rest of voiced uses it: one official client per server, imported late, with errors of our own.

    AiService  all helpers over one set of providers: what a plugin has as `context.ai`
    Chat, Responses, Images, Audio, …   a helper for each part of the API, imported when it is used first
    Providers  asks the providers of a helper in their order, again where that may help
    Endpoint   where a server is and which key it gets; pure
    Client     the official client for one endpoint: `async with client.request("chat", 20): await client.openai.…`
    Tries      how a request that failed is made again: another model, a short wait, and a bound on both
    Models     names tried in order, and what is known about their retirement; pure

`import openai` takes half a second and 58 MB: nothing here does so before `Client.open`, which does it in a thread.
Retries and deadlines are ours: the library's are switched off.
"""
