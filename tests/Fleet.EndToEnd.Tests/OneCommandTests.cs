using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>
/// Data that nobody prepared becomes a model that a device serves, by one command: searched and built by a worker, released, rolled out,
/// and asked on the device with what an application has.
/// </summary>
[Collection(nameof(OneFleet))]
public sealed class OneCommandTests(FleetFixture fleet) : IDisposable
{
    private const int Rate = 8000;
    private readonly TemporaryFolder _folder = new();
    private readonly Random _random = new(1);

    public void Dispose() => _folder.Dispose();

    // One device and one worker for all of them: what takes the time is to start programs.
    [Fact]
    public async Task Table_texts_pictures_and_sound_each_become_a_model_that_a_device_answers_with()
    {
        await using var agent = await fleet.AgentAsync("one-command", "desk-1");
        await using var worker = fleet.StartWorker("worker-of-one-command");

        Table();
        // A time in the budget has the device time the finalists; it is met whatever else the machine does.
        var timed = await ServedAsync(agent, worker, "customers.csv", ["--label", "churned"], "30kB,500ms", [
            ("yes", new { age = 71, plan = "basic", since = "2021-04-01" }),
            ("no", new { age = 24, plan = "family", since = "2019-04-01" }),
        ]);
        Assert.Contains($"Timed on {agent.Id}: ", timed, StringComparison.Ordinal);
        Assert.Contains("was timed for build", agent.Output, StringComparison.Ordinal);
        Texts();
        await ServedAsync(agent, worker, "requests.csv", ["--label", "intent"], "30kB", [
            ("pay", "please pay the water bill of june"), ("cancel", "could you cancel my yellow card"),
        ]);
        Pictures();
        await ServedAsync(agent, worker, "shots", [], "30kB", [
            ("left", Rows(isLeft: true)),
            ("right", new { b64 = Convert.ToBase64String(Picture(isLeft: false)), width = Side, height = Side }),
        ]);
        Sounds();
        await ServedAsync(agent, worker, "calls", [], "30kB", [
            ("high", new { b64 = Convert.ToBase64String(Wav(1200)) }), ("low", new { b64 = Convert.ToBase64String(Wav(300)) }),
        ]);
    }

    /// <summary>One command, and what the device answers then.</summary>
    /// <returns>What the command wrote.</returns>
    private async Task<string> ServedAsync(
        RunningAgent agent, ChildProcess worker, string data, string[] options, string budget, (string Class, object Instance)[] asked)
    {
        var model = Path.GetFileNameWithoutExtension(data);
        var command = await fleet.CliAsync([
            "models", "build", "--data", _folder[data], .. options, "--device", agent.Id, "--rollout", "--minutes", "0.02",
            "--budget", budget, "--out", _folder[model + "-build"],
        ]);
        Assert.True(command.Code == 0, $"{command.Output}\n{worker.Output}\n{agent.Output}");
        Assert.True(File.Exists(_folder[model + "-build", "spec.yaml"]));
        var device = await fleet.Server.DeviceAsync(agent.Id);
        Assert.Contains(device.Models, served => served.Model == model);

        using var http = new HttpClient();
        using var answer = await http.PostAsJsonAsync(
            new Uri(await agent.InferenceAsync(), $"/v1/models/{model}:predict"), new { instances = asked.Select(one => one.Instance) });
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal(asked.Select(one => one.Class), JsonNode.Parse(text)!["predictions"]!.AsArray().Select(one => (string)one!["class"]!));
        return command.Output;
    }

    // Who is old, or has the basic plan and is not young, leaves. Ages have gaps.
    private void Table()
    {
        string[] plans = ["basic", "family", "business, large"];
        File.WriteAllLines(_folder["customers.csv"], Enumerable.Range(0, 240).Select(row =>
        {
            var (age, plan) = (_random.Next(18, 80), _random.Next(3));
            var since = new DateTime(2010, 1, 1).AddDays(_random.Next(4000)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            return $"{(row % 17 == 0 ? "" : age)},\"{plans[plan]}\",{since},{(age + (plan == 0 ? 15 : 0) > 55 ? "yes" : "no")}";
        }).Prepend("age,plan,since,churned"));
    }

    private void Texts()
    {
        string[] polite = ["please", "could you", "i want to", "now"], things = ["card", "bill", "rent", "phone", "water bill"];
        string[] kinds = ["my", "the old", "our new", "that yellow"], months = ["may", "june", "july", "march"];
        File.WriteAllLines(_folder["requests.csv"], Enumerable.Range(0, 200).Select(row =>
        {
            string Any(string[] words) => words[_random.Next(words.Length)];
            var intent = row % 2 == 0 ? "pay" : "cancel";
            return $"\"{Any(polite)} {intent} {Any(kinds)} {Any(things)}, of {Any(months)} {row}\",{intent}";
        }).Prepend("text,intent"));
    }

    private const int Side = 8;

    private void Pictures()
    {
        for (var number = 0; number < 120; number++)
        {
            var isLeft = number % 2 == 0;
            var folder = Directory.CreateDirectory(_folder["shots", isLeft ? "left" : "right"]).FullName;
            File.WriteAllBytes(Path.Combine(folder, $"{number}.png"), PngWriter.Write(Side, Side, 1, Picture(isLeft)));
        }
    }

    /// <summary>Grey pixels with one half bright.</summary>
    private byte[] Picture(bool isLeft)
        => [.. Enumerable.Range(0, Side * Side).Select(at => (byte)(_random.Next(60) + (at % Side < Side / 2 == isLeft ? 150 : 20)))];

    private int[][] Rows(bool isLeft) => [.. Picture(isLeft).Select(pixel => (int)pixel).Chunk(Side)];

    private void Sounds()
    {
        for (var number = 0; number < 80; number++)
        {
            var isHigh = number % 2 == 0;
            var folder = Directory.CreateDirectory(_folder["calls", isHigh ? "high" : "low"]).FullName;
            File.WriteAllBytes(Path.Combine(folder, $"{number}.wav"), Wav((isHigh ? 1000 : 250) + _random.Next(300)));
        }
    }

    /// <summary>A WAV file with a tone and a little noise.</summary>
    private byte[] Wav(double hertz)
    {
        const int Length = Rate / 4;
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.ASCII);
        writer.Write("RIFF"u8);
        writer.Write(36 + 2 * Length);
        writer.Write("WAVEfmt "u8);
        foreach (var number in (int[])[16, 1 | 1 << 16, Rate, 2 * Rate, 2 | 16 << 16]) writer.Write(number);
        writer.Write("data"u8);
        writer.Write(2 * Length);
        for (var at = 0; at < Length; at++)
            writer.Write((short)(12_000 * Math.Sin(2 * Math.PI * hertz * at / Rate) + _random.Next(-1500, 1500)));
        return stream.ToArray();
    }
}
