"""Small programs that do as little as can be done for the same outcome; what the portal is measured against."""
