"""The console's web part: pages for people, an API for programs, and who may do what."""
