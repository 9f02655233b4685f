"""App Home: what a person sees on the app's own page, what they are offered to ask, and what they look at beside it."""
