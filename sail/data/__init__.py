"""Episodes: their store and files, demonstrations, the broad corpus, and the windows that training cuts."""
