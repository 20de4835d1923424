"""Areas of a municipality, uploaded as GeoJSON: checked, simplified, drawn and given back."""
