"""What ``wireverdict watch`` shows: pure functions from the pipeline's memory to a picture, and from a picture to cells."""
