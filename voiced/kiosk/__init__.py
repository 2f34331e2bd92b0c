"""The kiosk page: voiced in a browser, to look at, to touch, and as its microphone and loudspeaker."""
