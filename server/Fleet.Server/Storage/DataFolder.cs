namespace Fleet.Server.Storage;

/// <summary>What a data folder that was used before must hold. Something made anew in its place would be worse than no server.</summary>
internal static class DataFolder
{
    private static readonly (string Name, string Loss)[] Needed =
    [
        ("fleet.db", "it holds the devices, releases and rollouts"),
        ("keys/release.key", "devices refuse whatever another key signs"),
        ("keys/ca.key", "every device trusts the authority that was there"),
        ("ca.pem", "every device trusts the authority that was there"),
    ];

    /// <summary>Written by the first start after everything that is needed, or by what came later.</summary>
    private static readonly string[] SignsOfUse = ["fleet.db", "keys/operator.key", "keys/worker.key", "audit.jsonl"];

    /// <summary>Refuses a folder that was used before and has lost something; a new one is well as it is.</summary>
    /// <param name="folder">The data folder.</param>
    /// <exception cref="InvalidDataException">Something is missing or empty; all of it is named.</exception>
    public static void Check(string folder)
    {
        if (!SignsOfUse.Any(sign => Holds(folder, sign))) return;
        var lost = Needed.Where(file => !Holds(folder, file.Name)).ToList();
        if (lost.Count == 0) return;
        var what = string.Join(", ",
            lost.Select(file => $"{file.Name} is {(File.Exists(Path.Combine(folder, file.Name)) ? "empty" : "missing")} ({file.Loss})"));
        throw new InvalidDataException(
            $"{folder} was in use, and {what}. Restore the whole folder from one backup, or start with a new folder and enroll every "
                + "device again.");
    }

    private static bool Holds(string folder, string name) => new FileInfo(Path.Combine(folder, name)) is { Exists: true, Length: > 0 };
}
