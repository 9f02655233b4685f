"""Forms (modals): what people fill in that a command still needs."""
