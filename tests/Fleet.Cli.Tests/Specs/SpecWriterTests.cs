using System.Text.Json;
using Fleet.Cli.Specs;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;

namespace Fleet.Cli.Tests.Specs;

/// <summary>A spec that a program writes is one that people read, and the same when it is read again.</summary>
public sealed class SpecWriterTests
{
    private static readonly BuildSpec Full = new()
    {
        Model = "gun-point",
        Seed = 7,
        Data = new DataSpec { Kind = "csv", Train = "/data/with blank.csv", LabelColumn = "yes", Classes = ["1", "no", "a: b"] },
        Teacher = new TeacherSpec { Family = "conv1d", Width = 22, Training = new TrainingSpec { Augment = true, Rotate = false } },
        Student = new StudentSpec { Family = "mlp", Width = 11, Depth = 3, Budget = new StudentBudget { MaximumBytes = 50_000 } },
        Distillation = new DistillationSpec { Training = new TrainingSpec { LearningRate = 8e-4, Augment = true } },
        Quantization = new QuantizationSpec
        {
            Profiles = ["board"],
            CustomProfiles = [BuiltInProfiles.X64 with { Name = "board" }],
            TimeLimit = TimeSpan.FromMinutes(90),
        },
    };

    [Fact]
    public void Written_spec_is_the_same_when_it_is_read()
    {
        var read = SpecFile.Parse(SpecWriter.Write(Full), "spec.yaml", "/");
        Assert.Equal(JsonSerializer.Serialize(Full, FleetJson.Default.BuildSpec),
            JsonSerializer.Serialize(read, FleetJson.Default.BuildSpec));
    }

    [Fact]
    public void No_teacher_is_one_word()
    {
        var spec = new BuildSpec
        {
            Model = "m",
            Data = new DataSpec { Train = "/a.npz" },
            Teacher = new TeacherSpec { Family = TeacherSpec.None },
            Student = new StudentSpec { Family = "linear" },
        };
        var written = SpecWriter.Write(spec);
        Assert.Contains("\nteacher: none\n", written, StringComparison.Ordinal);
        Assert.Equivalent(spec, SpecFile.Parse(written, "spec.yaml", "/"), strict: true);
    }

    [Fact]
    public void What_is_usual_is_left_out()
    {
        var spec = new BuildSpec
        {
            Model = "m",
            Data = new DataSpec { Kind = "ucr", Train = "/data/GunPoint_TRAIN.txt" },
            Teacher = new TeacherSpec { Family = "conv1d", Width = 64 },
            Student = new StudentSpec { Family = "conv1d", Width = 16 },
        };
        Assert.Equal("""
            model: m
            seed: 1
            data:
              kind: ucr
              train: /data/GunPoint_TRAIN.txt
            teacher:
              family: conv1d
              width: 64
            student:
              family: conv1d
              width: 16

            """, SpecWriter.Write(spec));
    }
}
