"""A network in a box, and a demonstration that runs in it.

`lab.netns` and `lab.capture` serve every test and bench that needs a LAN.  ``python -m lab`` plays the
demonstration: `plan` says who is who, `stage` sets everything up and watches, `story` breaks things and
knows what must come of it, `timeline` and `picture` show it.
"""
