"""What is done to users' words before anyone reads them: personal data goes out, and equal statements become equal."""
