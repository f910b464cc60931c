using System.CommandLine;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Commands;

/// <summary><c>fleet-modeling data</c>: what is understood of data, before anything is trained.</summary>
internal static class DataCommand
{
    public static Command Create()
    {
        var request = new Argument<FileInfo>("REQUEST") { Description = "What to look at, as JSON; paths in it are whole." };
        var result = new Argument<FileInfo>("RESULT") { Description = "Where the answer goes, as JSON." };
        var command = new Command("data", "Says what is understood of data, for 'fleet data show'.") { request, result };
        command.SetAction(parsed =>
        {
            var asked = JsonSerializer.Deserialize(
                File.ReadAllBytes(parsed.GetRequiredValue(request).FullName), FleetJson.Strict.DataRequest)!;
            var teacher = asked.Teacher is TeacherSpec.None ? null : asked.Teacher;
            var rank = asked.Student is { } student ? Families.SampleRank(student, teacher) : null;
            var spec = DataKind.Resolve(asked.Data);
            var answer = parsed.GetRequiredValue(result);
            using var room = SampleRoom.In(answer.DirectoryName!);
            File.WriteAllBytes(answer.FullName, JsonSerializer.SerializeToUtf8Bytes(
                DataSummary.Of(spec, DataSets.Load(spec, rank, asked.Seed, room)), FleetJson.Default.DataReport));
            return 0;
        });
        return command;
    }
}
