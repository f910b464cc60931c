namespace Fleet.Contracts.Protocol;

/// <summary>User properties of an MQTT CONNECT.</summary>
public static class ConnectProperties
{
    /// <summary>Names the run of the agent: another one after each start, the same at each reconnect.</summary>
    public const string Run = "run";
}
