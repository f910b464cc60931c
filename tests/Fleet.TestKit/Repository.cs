namespace Fleet.TestKit;

/// <summary>The checkout the tests were built from.</summary>
public static class Repository
{
    private static readonly Lazy<string> LazyRoot = new(() =>
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Fleet.sln"))) return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No Fleet.sln in {AppContext.BaseDirectory} or above it: tests run from a checkout.");
    });

    /// <summary>The folder that holds Fleet.sln.</summary>
    public static string Root => LazyRoot.Value;

    /// <summary>A path inside the checkout.</summary>
    public static string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);
}
