namespace Fleet.Modeling.Worker;

/// <summary>The server took the build away: its lease lapsed, or an operator cancelled it.</summary>
internal sealed class LeaseLostException(string message) : Exception(message);
