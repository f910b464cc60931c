using System.Reflection;
using System.Text.Json.Serialization.Metadata;

namespace Fleet.Contracts.Tests;

public sealed class OptionalParameterTests
{
    /// <summary>
    /// Null is not written, and a constructor parameter without a default must be present: together the reader would refuse what the writer
    /// wrote.
    /// </summary>
    [Fact]
    public void What_may_be_left_out_when_written_may_be_absent_when_read()
    {
        var nullability = new NullabilityInfoContext();
        var wrong = typeof(FleetJson).Assembly.GetExportedTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false, IsGenericType: false, IsByRefLike: false }
                && FleetJson.Default.GetTypeInfo(type) is { Kind: JsonTypeInfoKind.Object })
            .SelectMany(type => type.GetConstructors())
            .SelectMany(constructor => constructor.GetParameters())
            .Where(parameter => !parameter.HasDefaultValue && nullability.Create(parameter).ReadState == NullabilityState.Nullable)
            .Select(parameter => $"{parameter.Member.DeclaringType!.Name}.{parameter.Name}");
        Assert.Empty(wrong);
    }
}
