namespace Fleet.Server.Storage;

/// <summary>What a data folder that was used before must hold. Something made anew in its place would be worse than no server.</summary>
internal static class DataFolder
{
    /// <summary>The audit trail: the one loss that a person may accept, and the only one that costs no device its trust.</summary>
    public const string AuditFile = "audit.jsonl";

    /// <summary>Begins the audit trail anew: an argument of the program, so that no setting does it at every start.</summary>
    public const string BeginCommand = "begin-audit-trail";

    private const string Database = "fleet.db";

    private static readonly (string Name, string Loss)[] Needed =
    [
        (Database, "it holds the devices, releases and rollouts"),
        ("keys/ca.key", "every device trusts the authority that was there"),
        ("ca.pem", "every device trusts the authority that was there"),
        (AuditFile, "it says who changed what"),
    ];

    /// <summary>Written by the first start after everything that is needed, or by what came later.</summary>
    private static readonly string[] SignsOfUse = [Database, "keys/operator.key", "keys/worker.key"];

    /// <summary>Refuses a folder that was used before and has lost something; a new one is well as it is.</summary>
    /// <param name="folder">The data folder.</param>
    /// <exception cref="InvalidDataException">Something is missing or empty; all of it is named.</exception>
    public static void Check(string folder)
    {
        var lost = LostIn(folder);
        if (lost.Count == 0) return;
        var what = string.Join(", ",
            lost.Select(file => $"{file.Name} is {(File.Exists(Path.Combine(folder, file.Name)) ? "empty" : "missing")} ({file.Loss})"));
        var remedy = lost is [(AuditFile, _)]
            ? $"Restore it from the backup, or begin a new one, whose first line will say so: fleet-server {BeginCommand} "
                + $"--Fleet:DataFolder={folder}"
            : "Restore the whole folder from one backup, or start with a new folder and enroll every device again.";
        throw new InvalidDataException($"{folder} was in use, and {what}. {remedy}");
    }

    /// <summary>True when there is a database: this is not the first start, or one that was killed after it had begun all else.</summary>
    public static bool HasDatabase(string folder) => Holds(folder, Database);

    /// <summary>True when a folder was in use and its audit trail is gone.</summary>
    public static bool HasLostItsTrail(string folder) => LostIn(folder).Any(file => file.Name == AuditFile);

    /// <summary>Trails that were moved to another name beside it, such as <c>audit.jsonl.1</c>: rotated ones, and not lost.</summary>
    public static IReadOnlyList<string> MovedTrails(string folder)
        => Directory.Exists(folder)
            ?
            [
                // What a process that was killed has staged is not a trail of its own.
                .. Directory.EnumerateFiles(folder, AuditFile + "*").Select(Path.GetFileName).OfType<string>()
                    .Where(name => name != AuditFile && !name.EndsWith(".new", StringComparison.Ordinal) && Holds(folder, name))
                    .Order(StringComparer.Ordinal),
            ]
            : [];

    private static List<(string Name, string Loss)> LostIn(string folder)
        => IsInUse(folder)
            ? [.. Needed.Where(file => !Holds(folder, file.Name) && !IsMendable(folder, file.Name))]
            : [];

    /// <summary>A trail that was rotated is not lost.</summary>
    private static bool IsMendable(string folder, string name) => name == AuditFile && MovedTrails(folder).Count > 0;

    // A trail with its first line alone is one that a first start had just begun.
    private static bool IsInUse(string folder)
        => SignsOfUse.Any(sign => Holds(folder, sign))
            || MovedTrails(folder).Count > 0
            || (Holds(folder, AuditFile) && File.ReadLines(Path.Combine(folder, AuditFile)).Skip(1).Any());

    private static bool Holds(string folder, string name) => new FileInfo(Path.Combine(folder, name)) is { Exists: true, Length: > 0 };
}
