"""What the tests of engines and machines share: images, daemons, registries."""
