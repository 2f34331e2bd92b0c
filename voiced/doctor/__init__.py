"""`voiced doctor`: what is wrong with this machine, the settings, the sound and the network, and how it is mended.

Each area has a module: a probe that looks (`look…`), and judgements, pure, that make findings of what was seen. The
`examination` runs all probes side by side, each within a deadline, since what is broken often hangs.
"""
