"""The networks of SAIL: autoencoder, text encoder, video planner, composition, inverse dynamics."""
