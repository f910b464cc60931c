namespace Fleet.Agent.Inference;

/// <summary>How the inference host listens and how it is watched over.</summary>
internal sealed record InferenceOptions
{
    /// <summary>Loopback port that applications call; 0 takes a free one at the first start and keeps it while the agent runs.</summary>
    public int Port { get; init; }

    /// <summary>
    /// Unix socket that applications may call as well, path at most 107 bytes; null opens none. It answers only members of the agent's
    /// group and reaches into containers that mount its folder.
    /// </summary>
    public string? Socket { get; init; }

    /// <summary>File that names the address while the host listens (<c>{"inference":"http://127.0.0.1:P"}</c>); null writes none.</summary>
    public string? EndpointsFile { get; init; }

    /// <summary>How often the host is asked for its statistics, which is also its heart-beat. More often loses less when it dies.</summary>
    public TimeSpan HeartBeat { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long an answer may take before the host counts as hung and is killed. Loading never delays an answer.</summary>
    public TimeSpan HeartBeatDeadline { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the process may take to listen. A cold start from a slow card takes several seconds.</summary>
    public TimeSpan StartDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long one variant may take to load and warm up. Accelerators compile for minutes.</summary>
    public TimeSpan LoadDeadline { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Wait before the first restart; it doubles with each death in a row up to <see cref="MaximumRestartDelay"/>.</summary>
    public TimeSpan RestartDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest wait before a restart: a host that cannot live must not eat the processor.</summary>
    public TimeSpan MaximumRestartDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A host that lived this long starts the count of deaths in a row anew.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Deaths within <see cref="DeathWindow"/> after which a variant counts as the cause. One that kills the host while it loads is not
    /// loaded again.
    /// </summary>
    public int DeathsToGiveUp { get; init; } = 3;

    /// <summary>How long a death counts: three within minutes are the variant's fault, three within a year are not.</summary>
    public TimeSpan DeathWindow { get; init; } = TimeSpan.FromMinutes(10);
}
