namespace Fleet.TestKit;

/// <summary>Where the product's programs are: beside the test that was built with them, in the same configuration.</summary>
public static class Programs
{
    /// <summary>The server.</summary>
    public static string Server => Find("Fleet.Server", "fleet-server");

    /// <summary>The agent.</summary>
    public static string Agent => Find("Fleet.Agent", "fleet-agent");

    /// <summary>The build worker.</summary>
    public static string Modeling => Find("Fleet.Modeling", "fleet-modeling");

    /// <summary>The program that quantizes and proves.</summary>
    public static string Quantize => Find("Fleet.Quantize", "fleet-quantize");

    /// <summary>The operator's tool.</summary>
    public static string Cli => Find("Fleet.Cli", "fleet");

    /// <summary>The program that writes to a store until it is killed, or measures it.</summary>
    public static string CrashWriter => Find("Fleet.Server.CrashWriter", "crash-writer");

    private static string Find(string project, string program)
    {
        // .artifacts/bin/<project>/<configuration>/<program>
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.GetFullPath(Path.Combine(here.FullName, "..", "..", project, here.Name, program));
        return File.Exists(path)
            ? path
            : throw new FileNotFoundException(
                $"{program} is not at {path}: build it in the same configuration, with 'dotnet build -c {here.Name}'.", path);
    }
}
