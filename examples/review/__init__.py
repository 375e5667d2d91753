"""Read the project's licence page by page, wait for a reviewer, undo the reservation when nobody comes."""
