"""What a mesh needs (the settings that point Istio here) and sends (Bookinfo's traffic as its Envoys report it)."""
