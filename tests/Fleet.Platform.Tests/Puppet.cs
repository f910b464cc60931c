using Fleet.TestKit;

namespace Fleet.Platform.Tests;

/// <summary>The program that does to itself what a test asks for.</summary>
internal static class Puppet
{
    /// <summary>Long enough for a loaded machine.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Beside the tests, built in the same configuration.</summary>
    public static string Path { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(
        AppContext.BaseDirectory, "..", "..", "Fleet.Platform.Puppet", Configuration, "platform-puppet"));

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Name;

    public static ChildProcess Start(params string[] arguments) => ChildProcess.Start(Path, arguments);

    public static Task<ProcessResult> RunAsync(params string[] arguments) => ChildProcess.RunAsync(Path, arguments, Deadline);

    /// <summary>Runs it in a shell that has set a umask.</summary>
    public static Task<ProcessResult> RunUnderAsync(string umask, params string[] arguments)
        => ChildProcess.RunAsync("sh", ["-c", $"umask {umask}; exec \"$0\" \"$@\"", Path, .. arguments], Deadline);
}
