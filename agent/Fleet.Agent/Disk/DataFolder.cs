using Fleet.Platform;

namespace Fleet.Agent.Disk;

/// <summary>Every path that the agent uses on disk, spelled once.</summary>
/// <param name="Root">The folder given with <c>--data</c>.</param>
internal sealed record DataFolder(string Root)
{
    private const string AgentLock = "agent.lock";

    /// <summary>Who this device is: key, certificate, CA, root of trust. Readable by its owner only.</summary>
    public string Identity => Path.Combine(Root, "identity.json");

    /// <summary>A key whose certificate was asked for and has not arrived. Readable by its owner only.</summary>
    public string PendingKey => Path.Combine(Root, "pending.key");

    /// <summary>Optional settings written by hand.</summary>
    public string Settings => Path.Combine(Root, "agent.json");

    /// <summary>The latest time from a signed source.</summary>
    public string TrustedTime => Path.Combine(Root, "trusted-time");

    /// <summary>The last accepted desired state.</summary>
    public string Desired => Path.Combine(Root, "desired.json");

    /// <summary>Releases that were withdrawn.</summary>
    public string Withdrawn => Path.Combine(Root, "withdrawn.json");

    /// <summary>What came of files that were timed for builds.</summary>
    public string Timings => Path.Combine(Root, "timings.json");

    /// <summary>One journal per model.</summary>
    public string Journals => Path.Combine(Root, "journal");

    /// <summary>Journals of several models that change together, until each is in its own file.</summary>
    public string ChangingJournals => Path.Combine(Journals, "together");

    /// <summary>Verified artifacts by digest.</summary>
    public string Shelf => Path.Combine(Root, "shelf");

    /// <summary>Artifacts being fetched, by the digest that they should have.</summary>
    public string Staging => Path.Combine(Root, "staging");

    /// <summary>Bundles that were carried here and wait to be installed.</summary>
    public string Bundles => Path.Combine(Root, "bundles");

    /// <summary>Telemetry batches that the server has not stored yet, by sequence number.</summary>
    public string Outbox => Path.Combine(Root, "outbox");

    /// <summary>Numbers of the reports that were written into files.</summary>
    public string WrittenReports => Path.Combine(Root, "written-reports");

    /// <summary>Sequence number of the newest telemetry batch.</summary>
    public string TelemetrySequence => Path.Combine(Root, "telemetry-sequence");

    /// <summary>The inference host's address, while it listens.</summary>
    public string Endpoints => Path.Combine(Root, "endpoints.json");

    /// <summary>Creates the folders that are missing, for the agent's own user alone.</summary>
    public void Create()
    {
        foreach (var folder in (ReadOnlySpan<string>)[Root, Journals, Shelf, Staging, Bundles, Outbox]) OwnerOnly.CreateFolder(folder);
    }

    /// <summary>Claims the folder for this process.</summary>
    /// <exception cref="FolderInUseException">Another agent runs here.</exception>
    public FileStream Lock()
        => Lock(AgentLock, $"Another agent uses {Root}: stop it, or give this one its own folder with --data.");

    /// <summary>Claims the numbers of reports, which an agent that runs here leaves alone.</summary>
    /// <exception cref="FolderInUseException">Another report is being written.</exception>
    public FileStream LockReports() => Lock("report.lock", $"Another report of {Root} is being written: try again when that is done.");

    /// <summary>True while an agent, or a command that changes what it is, runs here. Nothing is created.</summary>
    public bool IsInUse()
    {
        try
        {
            new FileStream(Path.Combine(Root, AgentLock), FileMode.Open, FileAccess.Read, FileShare.None).Dispose();
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private FileStream Lock(string name, string taken)
    {
        var path = Path.Combine(Root, name);
        var file = ClaimedFile.TryOpen(path) ?? throw new FolderInUseException(taken);
        FolderOwner.Give(path, file.SafeFileHandle);
        return file;
    }
}
