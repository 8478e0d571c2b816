"""Using an encoder: texts to vectors, fast; smaller and faster encoders."""
