"""voiced: a voice assistant daemon that one can leave on.

The flow in one sentence: microphone → turn-taking → brain → loudspeaker, where a pure core takes events and gives
commands (`voiced.conversation`), one hub runs it (`voiced.hub`), and thin edges that never see each other do the rest.

Layers; imports go down only:

    cli            commands
    demo           the daemon on a sound card in memory, by itself and with a server on loopback
    plugin_dev     the daemon with a plugin that somebody writes, and a stand-in for the cloud; one tool by itself
    doctor         finds what is wrong, and says which command mends it
    first_run      the wizard that ends with a spoken hello
    testing        loopback servers, a sound card in memory, pytest fixtures for authors of plugins
    app            the composition root
    config         settings, from files, environment, command line
    kiosk          the page, and a browser as the sound card; asks as control does
    hub            event → conversation → commands → ports
    capture        microphone, echo control, VAD, wake word          ┐
    brains         realtime | cascade | offline: none knows another  │ edges: none imports another
    playout        jitter buffer (pure), loudspeaker, earcons        │
    plugins        host, tools, the built-in ones                    │
    control        protocol (pure), socket, status                   │
    spending       prices (pure), the books                          │
    keys, lights   the key to talk, notices of the desktop; LEDs     │
    signals        tones for what nobody asked about                 │
    calibration    a chirp (pure), and the settings that follow      │
    service        units of systemd: written, taken away, looked at  │
    scaffold       the project that `voiced plugin new` makes        ┘
    ports          what the hub needs of each edge
    conversation   the core (pure): turns, ledger, failover, budget  |  api: all that a plugin may import
    ai             the API over HTTP: clients, errors, providers in their order, and a helper for each endpoint
    sound_card     PortAudio
    audio, errors, usage, settings, resample
"""

__version__ = "0.1.0"
