"""What personas and models are tried with before they count."""
