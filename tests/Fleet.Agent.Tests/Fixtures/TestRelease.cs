using System.Security.Cryptography;
using Fleet.Agent.Tests.Inference;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Tests.Fixtures;

/// <summary>Small releases of a model that gives its input back: three classes, decided by the largest of three numbers.</summary>
internal static class TestRelease
{
    /// <summary>The profile of the test device, declared so that the tests run on any machine.</summary>
    public const string Profile = "x64";

    /// <summary>A model whose accuracy is 1 when <paramref name="factor"/> is positive and 0 when it is negative.</summary>
    public static byte[] Model(float factor)
    {
        var folder = Directory.CreateTempSubdirectory("fleet-model-").FullName;
        try { return File.ReadAllBytes(TestModels.Scale(folder, factor)); }
        finally { Directory.Delete(folder, recursive: true); }
    }

    /// <summary>A model that takes about so many times 4 ms for an answer.</summary>
    public static byte[] SlowModel(int multiplications)
    {
        var folder = Directory.CreateTempSubdirectory("fleet-model-").FullName;
        try { return File.ReadAllBytes(TestModels.Slow(folder, multiplications)); }
        finally { Directory.Delete(folder, recursive: true); }
    }

    /// <summary>Thirty labelled samples.</summary>
    public static byte[] ValidationSet()
    {
        const int count = 30;
        var random = new Random(7);
        var values = new float[count * 3];
        var labels = new long[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = i % 3;
            for (var j = 0; j < 3; j++) values[i * 3 + j] = random.NextSingle();
            values[i * 3 + i % 3] += 2;
        }
        using var stream = new MemoryStream();
        NpzArchive.Write(stream, [new("x", NpyArray.Of(values, count, 3)), new("labels", NpyArray.Of(labels, count))]);
        return stream.ToArray();
    }

    public static Variant Variant(
        TestServer server, byte[] model, string id = "x64-fp32", string profile = Profile, ValidationGate? gate = null) => new()
        {
            Id = id,
            Profile = profile,
            Scheme = "fp32",
            Artifact = server.Store($"{id}.onnx", model),
            Expected = new Scores { Accuracy = 1 },
            Gate = gate ?? new ValidationGate { MinimumAccuracy = 0.9 },
        };

    public static ReleaseManifest Manifest(TestServer server, int version, string model, params IReadOnlyList<Variant> variants) => new()
    {
        Model = model,
        Version = version,
        CreatedAt = DateTimeOffset.UtcNow.AddMinutes(-1),
        ExpiresAt = DateTimeOffset.UtcNow.AddDays(30),
        Inputs = [new TensorDescription("x", "FP32", [-1, 3])],
        Outputs = [new TensorDescription("y", "FP32", [-1, 3])],
        Classes = ["a", "b", "c"],
        ValidationSet = server.Store("validation.npz", ValidationSet()),
        Variants = variants,
    };

    /// <summary>An assignment of a signed release whose model multiplies by <paramref name="factor"/>.</summary>
    public static Assignment Assign(TestServer server, int version, float? factor = null, string model = "vibration", bool rollback = false)
        => Assign(server, Manifest(server, version, model, Variant(server, Model(factor ?? version))), rollback);

    public static Assignment Assign(TestServer server, ReleaseManifest manifest, bool rollback = false, ECDsa? key = null)
        => new() { Model = manifest.Model, Version = manifest.Version, Release = server.Sign(manifest, key), Rollback = rollback };
}
