using System.Diagnostics;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Modeling;

var spec = JsonSerializer.Deserialize(File.ReadAllText(args[1]), FleetJson.Strict.BuildSpec)!;
NativeEnvironment.Prepare();
var watch = Stopwatch.StartNew();
Build.Run(spec, args[3], new Printer(watch), CancellationToken.None);
Console.WriteLine(watch.Elapsed);
return 0;

internal sealed class Printer(Stopwatch watch) : IProgress<BuildProgress>
{
    private double _last;
    public void Report(BuildProgress value)
    {
        if (value.Fraction < _last + 0.1) return;
        _last = value.Fraction;
        Console.WriteLine($"{watch.Elapsed.TotalSeconds:0} s {value.Fraction:P0} {value.Step}");
    }
}
