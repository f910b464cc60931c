using System.Runtime.Versioning;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Platform;

namespace Fleet.Cli.Demo;

/// <summary>
/// Where a demo keeps everything: the server's data, each device's data, and what every process wrote. A folder that was named with
/// <c>--data</c> is taken up again by a later demo: devices stay enrolled, releases are numbered on.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class DemoFolder
{
    private readonly bool _temporary;

    private DemoFolder(string root, bool temporary)
    {
        (Root, _temporary) = (root, temporary);
        foreach (var folder in (string[])[Server, Logs]) Directory.CreateDirectory(folder);
    }

    /// <summary>The folder itself.</summary>
    public string Root { get; }

    /// <summary>The server's data.</summary>
    public string Server => Path.Combine(Root, "server");

    /// <summary>What every process wrote.</summary>
    public string Logs => Path.Combine(Root, "logs");

    /// <summary>The operator's key, written by the server.</summary>
    public string OperatorKey => Path.Combine(Server, "keys", "operator.key");

    /// <summary>The build's report as a page.</summary>
    public string ReportPage => Path.Combine(Root, "report.html");

    /// <summary>The ports of the server, kept because devices know it by them. The file also marks the folder as a demo's.</summary>
    private string Ports => Path.Combine(Root, "ports.json");

    /// <summary>One device's data.</summary>
    public string Device(string id) => Path.Combine(Root, "devices", id);

    /// <summary>True when a device has its certificate from an earlier demo.</summary>
    public bool IsEnrolled(string id) => File.Exists(Path.Combine(Device(id), "identity.json"));

    /// <summary>The server's settings for its three ports: those of the earlier demo, or whatever is free.</summary>
    public IReadOnlyList<string> PortSettings()
    {
        var kept = Endpoints.Read(Ports);
        return [.. ((string[])["ApiPort", "DevicePort", "MqttPort"])
            .Select(setting => $"--Fleet:{setting}={kept?.GetValueOrDefault(setting) ?? "0"}")];
    }

    /// <summary>Keeps the ports for the next demo in this folder.</summary>
    public void KeepPorts(IReadOnlyDictionary<string, string> endpoints)
    {
        static string PortOf(string address) => address[(address.LastIndexOf(':') + 1)..];
        WritePorts(new Dictionary<string, string>
        {
            ["ApiPort"] = PortOf(endpoints["api"]),
            ["DevicePort"] = PortOf(endpoints["devices"]),
            ["MqttPort"] = PortOf(endpoints["mqtt"]),
        });
    }

    private void WritePorts(Dictionary<string, string> ports)
        => DurableFile.Write(Ports, JsonSerializer.SerializeToUtf8Bytes(ports, DemoJson.Default.DictionaryStringString));

    /// <summary>
    /// Makes the folder: the one asked for, which must be empty or an earlier demo's, or a temporary one that only this user can
    /// read.
    /// </summary>
    public static DemoFolder Create(string? data, bool keep)
    {
        if (data is null) return new DemoFolder(Directory.CreateTempSubdirectory("fleet-demo-").FullName, temporary: !keep);
        var root = Path.GetFullPath(data);
        try
        {
            if (Directory.Exists(root) && Directory.EnumerateFileSystemEntries(root).Any()
                && !File.Exists(Path.Combine(root, "ports.json")))
                throw new FleetException(
                    $"The folder {root} is not empty and not an earlier demo's.", "Name another folder with --data.")
                { Code = ExitCode.Usage };
            OwnerOnly.CreateFolder(root);
            var folder = new DemoFolder(root, temporary: false);
            // A demo that fails before its server listens may be tried again in its folder.
            if (!File.Exists(folder.Ports)) folder.WritePorts([]);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FleetException($"The folder {root} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Removes a temporary folder; after a failure the logs stay. Answers whether anything is left.</summary>
    public bool CleanUp(bool keepLogs)
    {
        if (!_temporary) return true;
        foreach (var entry in Directory.EnumerateDirectories(Root).Where(folder => !keepLogs || folder != Logs))
            Directory.Delete(entry, recursive: true);
        if (!keepLogs) Directory.Delete(Root, recursive: true);
        return keepLogs;
    }
}
