using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>
/// A detector goes the whole way: distilled from images with boxes, judged on the device by them, and what it sees is told.
/// </summary>
[Collection(nameof(OneFleet))]
public sealed class DetectionTests(FleetFixture fleet) : IDisposable
{
    private const int Extent = 48;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Detector_is_judged_on_the_device_by_its_boxes_and_what_it_sees_is_tallied()
    {
        var built = await fleet.BuiltAsync(Spec());
        Assert.Equal(ModelTask.Detection, built.TaskOf());
        var promised = built.Variants.First(variant => variant.Chosen).Scores!.Find("map50")!.Value;
        Assert.InRange(promised, 0.5, 1);

        await using var agent = await fleet.AgentAsync("shapes", "shapes-1");
        var active = await fleet.RolledOutAsync("shapes", 1, RolloutStatus.Succeeded);
        // Forty images travel, the promise was made on eighty.
        Assert.InRange(active.Measured!.Find("map50")!.Value, promised - 0.15, 1);

        const int Requests = 6;
        var (images, shapes) = ShapeImages.Draw(Requests, Extent, 9);
        var address = await agent.InferenceAsync();
        using var http = new HttpClient();
        foreach (var image in images.Chunk(Extent * Extent))
        {
            using var answer = await http.PostAsJsonAsync(new Uri(address, "/v2/models/shapes/infer"), new
            {
                inputs = new[] { new { name = "input", datatype = "FP32", shape = new[] { 1, 1, Extent, Extent }, data = image } },
            });
            var outputs = (JsonArray)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["outputs"]!;
            Assert.Equal(["boxes", "scores"], outputs.Select(output => (string?)output!["name"]).Order(StringComparer.Ordinal));
        }

        var view = await fleet.TalliedAsync("shapes-1", "shapes", Requests);
        Assert.Equal(Requests, view.Boxes!.Number.Count);
        Assert.InRange(view.Boxes.Number.Mean * Requests, shapes.Sum(drawn => drawn.Count) / 2.0, 2.0 * shapes.Sum(drawn => drawn.Count));
        Assert.Equal(view.Boxes.Number.Mean * Requests, view.Boxes.Size.Count, 1e-6);
        Assert.Empty(view.Classes);

        Assert.Contains("shapes-1, shapes: boxes a sample ", await fleet.ToldAsync("shapes-1", "shapes"), StringComparison.Ordinal);
    }

    private BuildSpec Spec()
    {
        const int Count = 400, Most = 2;
        var (images, shapes) = ShapeImages.Draw(Count, Extent, 4);
        var (classes, corners) = (new long[Count * Most], new float[4 * Count * Most]);
        Array.Fill(classes, -1);
        foreach (var (number, drawn) in shapes.Index())
        {
            foreach (var (place, shape) in drawn.Index())
            {
                classes[number * Most + place] = shape.Kind;
                ReadOnlySpan<float> ends = [shape.Left, shape.Top, shape.Right, shape.Bottom];
                ends.CopyTo(corners.AsSpan(4 * (number * Most + place)));
            }
        }
        using (var file = File.Create(_folder["shapes.npz"]))
            NpzArchive.Write(file,
                [
                    new("x", NpyArray.Of(images, Count, 1, Extent, Extent)), new("labels", NpyArray.Of(classes, Count, Most)),
                    new("labels.boxes", NpyArray.Of(corners, Count, Most, 4)),
                ]);
        var training = new TrainingSpec { Epochs = 10, BatchSize = 16, LearningRate = 1e-2 };
        return new BuildSpec
        {
            Model = "shapes",
            Data = new DataSpec { Kind = "npz", Train = _folder["shapes.npz"], Task = ModelTask.Detection },
            Teacher = new TeacherSpec { Family = "detector", Width = 12, Depth = 2, Training = training },
            Student = new StudentSpec { Family = "detector", Width = 8, Depth = 2 },
            Distillation = new DistillationSpec { Training = training, FineTuneEpochs = 0 },
            Quantization = FleetFixture.OneVariant with { MaximumDrop = 0.1 },
            Gate = new GateSpec { AccuracyTolerance = 0.2, ValidationSamples = 40 },
        };
    }
}
