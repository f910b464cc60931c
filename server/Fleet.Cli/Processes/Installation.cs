using Fleet.Cli.Client;
using Fleet.Platform;

namespace Fleet.Cli.Processes;

/// <summary>
/// Where the product's other programs are: beside this one when installed, in their own build folders in a checkout, or on PATH.
/// </summary>
internal static class Installation
{
    /// <summary>Finds the server.</summary>
    public static string Server => Find("Fleet.Server", "fleet-server");

    /// <summary>Finds the agent.</summary>
    public static string Agent => Find("Fleet.Agent", "fleet-agent");

    /// <summary>Finds the build worker.</summary>
    public static string Modeling => Find("Fleet.Modeling", "fleet-modeling");

    /// <summary>Finds the program that quantizes and proves.</summary>
    public static string Quantize => Find("Fleet.Quantize", "fleet-quantize");

    /// <summary>This program.</summary>
    public static string Cli => Path.Combine(AppContext.BaseDirectory, "fleet");

    /// <summary>Finds a program of the product.</summary>
    /// <param name="project">Project that builds it.</param>
    /// <param name="name">File name.</param>
    private static string Find(string project, string name) => SiblingProgram.Find(project, name)
        ?? throw new FleetException(
            $"The program {name} is neither in {AppContext.BaseDirectory} nor on PATH.",
            "Install it beside this program; in a checkout, 'dotnet build' makes it.");
}
