using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Http;

/// <summary>GET /health: what answers without a key, and says more to whoever sees all devices.</summary>
/// <param name="Status">
/// <c>ok</c> with status 200, or <c>troubled</c> with status 503 while something of the server does not work. What devices say or do never
/// makes it troubled.
/// </param>
/// <param name="Protocol">Newest protocol it speaks.</param>
public sealed record HealthResponse(string Status, int Protocol)
{
    /// <summary>Version of the server; null where no key was shown.</summary>
    public string? Version { get; init; }

    /// <summary>What does not work now, a sentence each; empty where no key was shown.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>What somebody should look at while the server works; empty where no key was shown.</summary>
    public IReadOnlyList<HealthWarning> Warnings { get; init; } = [];
}

/// <summary>What somebody should look at while the server works.</summary>
/// <param name="Text">What it is and what to do, in a sentence.</param>
/// <param name="Count">How many devices it is about; 0 where it is about none.</param>
/// <param name="Devices">The first of them in order of id, 20 at most.</param>
public sealed record HealthWarning(string Text, int Count, IReadOnlyList<WarnedDevice> Devices);

/// <summary>A device that a warning is about.</summary>
/// <param name="Device">Its id.</param>
/// <param name="Detail">What is known of it, such as the releases it serves.</param>
public sealed record WarnedDevice(DeviceId Device, string Detail);
