/// Simulated hardware at the far end of real pseudo-terminals, for `simulate` alone.
public enum SimulatedSite {}
