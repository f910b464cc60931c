using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Server.Tests.Storm;

namespace Fleet.Benchmarks;

/// <summary>
/// The devices of a benchmark as a process of their own, so that the server's processor time is the server's alone. It connects them all,
/// and writes a line each time that all have been told once more.
/// </summary>
internal static class OrderSwarm
{
    /// <summary>The argument by which this program becomes one.</summary>
    public const string Command = "swarm-of-devices";

    private const string RootFile = "root.json";
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Writes what a swarm reads: the root that devices trust. Each device's certificate and key are beside it, by its name.
    /// </summary>
    public static Task PrepareAsync(string folder, byte[] root) => File.WriteAllBytesAsync(Path.Combine(folder, RootFile), root);

    /// <summary>The line that says how often all were told, and how many bytes came until then.</summary>
    public static string Line(int times) => string.Create(CultureInfo.InvariantCulture, $"told {times} times, bytes ");

    /// <summary>Runs until its starter ends it.</summary>
    public static async Task<int> RunAsync(string folder, string host, int port, CancellationToken cancellationToken)
    {
        var root = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(Path.Combine(folder, RootFile), cancellationToken), FleetJson.Default.TrustRoot)!;
        var digest = Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(folder, RootFile), cancellationToken)));
        var ground = new StormGround(root, digest, Console.Error.WriteLine);
        var devices = Directory.GetFiles(folder, "*.pem").Order(StringComparer.Ordinal).Select((file, i) => new StormDevice(
            DeviceId.Parse(Path.GetFileNameWithoutExtension(file)), X509Certificate2.CreateFromPemFile(file), ground, new Random(i)))
                .ToList();
        var running = devices.Select(device => Task.Run(() => device.RunAsync(host, port, cancellationToken), cancellationToken)).ToList();
        using var timer = new PeriodicTimer(LookInterval);
        var pinged = DateTimeOffset.UtcNow;
        for (var times = 1; await timer.WaitForNextTickAsync(cancellationToken);)
        {
            if (devices.TrueForAll(device => device.Messages >= times))
            {
                Console.WriteLine(Line(times) + devices.Sum(device => device.Received).ToString(CultureInfo.InvariantCulture));
                times++;
            }
            if (DateTimeOffset.UtcNow - pinged < PingInterval) continue;
            pinged = DateTimeOffset.UtcNow;
            foreach (var device in devices) await device.PingAsync(cancellationToken);
        }
        await Task.WhenAll(running);
        return 0;
    }
}
