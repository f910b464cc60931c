namespace Fleet.TestKit;

/// <summary>
/// Public data sets that lie beside the checkout, in <c>../shared/data</c>. They are too large for the repository, so a test that
/// needs them is skipped where they are absent:
/// <c>[Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]</c>.
/// </summary>
public static class SharedData
{
    /// <summary>Why such a test is skipped.</summary>
    public const string Absent = "The data sets in ../shared/data are not on this machine.";

    /// <summary>The folder.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "data"));

    /// <summary>True when the data sets are on this machine.</summary>
    public static bool IsPresent => Directory.Exists(Root);

    /// <summary>A path inside the folder.</summary>
    public static string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);
}
