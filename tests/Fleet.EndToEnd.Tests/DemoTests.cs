using System.Text.Json;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>The first command of README.md, as people type it.</summary>
public sealed class DemoTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(12);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Demo_goes_the_whole_way_on_one_machine_and_its_figures_hold()
    {
        // Alone on two cores it takes less than five minutes; here it shares them.
        await using var demo = ChildProcess.Start(Programs.Cli, ["demo", "--once", "--report", _folder["report.json"]]);
        var code = await demo.WaitForExitAsync(Deadline);
        Assert.True(code == 0, demo.Output);

        using var report = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["report.json"]));
        var root = report.RootElement;
        Assert.Equal(["teacher", "student", "variants", "devices", "seconds"], root.EnumerateObject().Select(property => property.Name));
        var teacher = root.GetProperty("teacher");
        var student = root.GetProperty("student");
        Assert.True(student.GetProperty("accuracy").GetDouble() >= 0.98 * teacher.GetProperty("accuracy").GetDouble(),
            $"Student against teacher: {student} {teacher}");
        Assert.True(student.GetProperty("parameters").GetInt64() < teacher.GetProperty("parameters").GetInt64());

        var variants = root.GetProperty("variants").EnumerateArray().ToList();
        Assert.All(variants, variant =>
            Assert.Equal(["id", "profile", "scheme", "bytes", "accuracy", "verdict"],
                variant.EnumerateObject().Select(property => property.Name)));
        Assert.Equal(["arm-cpu", "jetson", "x64"],
            variants.Select(variant => variant.GetProperty("profile").GetString()).Distinct().Order());
        // Four bytes a parameter is what the fp32 networks take at least.
        var whole = 4 * student.GetProperty("parameters").GetInt64();
        foreach (var variant in variants.Where(
            variant => variant.GetProperty("scheme").GetString()!.StartsWith("int8", StringComparison.Ordinal)))
        {
            Assert.Equal("accepted", variant.GetProperty("verdict").GetString());
            var bytes = variant.GetProperty("bytes").GetInt64();
            Assert.True(bytes <= 0.30 * (whole + 8192), $"{variant} against {whole} bytes of fp32");
            Assert.True(bytes * 20 <= 4 * teacher.GetProperty("parameters").GetInt64(), $"{variant} against the teacher's {teacher}");
            Assert.True(variant.GetProperty("accuracy").GetDouble() >= 0.99 * student.GetProperty("accuracy").GetDouble(),
                $"{variant} against the student's {student}");
        }

        var devices = root.GetProperty("devices").EnumerateArray().ToList();
        Assert.Equal(3, devices.Count);
        Assert.All(devices, device =>
        {
            Assert.Equal(
                ["id", "profile", "variant", "phase", "accuracy", "latencyP50Ms", "latencyP95Ms", "inferences", "telemetryBatches"],
                device.EnumerateObject().Select(property => property.Name));
            Assert.Equal("active", device.GetProperty("phase").GetString());
            Assert.True(device.GetProperty("inferences").GetInt64() > 0);
            Assert.True(device.GetProperty("telemetryBatches").GetInt32() > 0);
            Assert.True(device.GetProperty("latencyP50Ms").GetDouble() <= device.GetProperty("latencyP95Ms").GetDouble());
            Assert.Equal(device.GetProperty("profile").GetString(),
                variants.Single(variant => variant.GetProperty("id").GetString() == device.GetProperty("variant").GetString())
                    .GetProperty("profile").GetString());
        });
        TestContext.Current.TestOutputHelper!.WriteLine(root.GetRawText());
    }
}
