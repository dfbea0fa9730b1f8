"""What every service stands on: start-up, channels, interceptors, errors, settings, state and logs."""
