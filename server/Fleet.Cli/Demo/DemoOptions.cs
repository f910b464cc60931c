namespace Fleet.Cli.Demo;

/// <summary>What was asked of a demo.</summary>
internal sealed record DemoOptions
{
    /// <summary>End after the table, rather than serve until Ctrl+C.</summary>
    public bool Once { get; init; }

    /// <summary>File for the figures as JSON.</summary>
    public string? Report { get; init; }

    /// <summary>Build spec to build instead of the built-in one.</summary>
    public string? Spec { get; init; }

    /// <summary>Folder for everything the demo keeps; null for a temporary one.</summary>
    public string? Data { get; init; }

    /// <summary>Keep a temporary folder.</summary>
    public bool Keep { get; init; }

    /// <summary>Print the figures as JSON instead of tables.</summary>
    public bool Json { get; init; }
}
