using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Fixtures;

/// <summary>Bundles as a server writes them, for devices that no network reaches.</summary>
internal static class CarriedFile
{
    /// <summary>The files of a bundle, not signed as a whole yet.</summary>
    public static List<(string Name, byte[] Content)> FilesOf(TestServer server, Assignment assignment, DesiredState? order = null)
    {
        var manifest = JsonSerializer.Deserialize(assignment.Release.Payload, FleetJson.Default.ReleaseStatement)!.Predicate;
        List<(string, byte[])> files =
            [(BundleFormat.EnvelopeName, JsonSerializer.SerializeToUtf8Bytes(assignment.Release, FleetJson.Default.DsseEnvelope))];
        if (order is not null)
            files.Add((BundleFormat.OrderName, JsonSerializer.SerializeToUtf8Bytes(order, FleetJson.Default.DesiredState)));
        files.AddRange(BundleFormat.NamesOf(manifest).Select(file => (file.Key, server.Artifacts[file.Value.Sha256])));
        return files;
    }

    /// <summary>A bundle of files, signed as a whole.</summary>
    public static byte[] Of(TestServer server, List<(string Name, byte[] Content)> files)
    {
        var digests = files.ToDictionary(file => file.Name, file => Convert.ToHexStringLower(SHA256.HashData(file.Content)));
        var signed = DsseEnvelope.Sign(DsseEnvelope.InToto, ModelSignature.StatementOf("carried", digests), server.Fleet.ReleaseKey);
        return TestBundle.Of(
            [files[0], (BundleFormat.SignatureName, ModelSignature.BundleOf(signed, server.ReleaseKey)), .. files.Skip(1)]);
    }

    /// <summary>The bundle of an assignment's release.</summary>
    public static byte[] Of(TestServer server, Assignment assignment, DesiredState? order = null)
        => Of(server, FilesOf(server, assignment, order));
}
