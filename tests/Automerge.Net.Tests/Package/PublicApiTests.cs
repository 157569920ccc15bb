using System.Globalization;
using System.Reflection;
using System.Text;
using Automerge.Changes;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Package;

/// <summary>
/// What programs can use is written down in <c>src/Automerge.Net/PublicAPI.txt</c>, so that a change of it is seen in review.
/// After a change that is meant: run with UPDATE_PUBLIC_API=1.
/// </summary>
public class PublicApiTests
{
    private static readonly string Path = System.IO.Path.Combine(VectorFiles.Root, "src", "Automerge.Net", "PublicAPI.txt");

    [Fact]
    public void Public_api_is_what_the_file_says()
    {
        string actual = string.Join('\n', Describe(typeof(ChangeHash).Assembly)) + "\n";
        if (Environment.GetEnvironmentVariable("UPDATE_PUBLIC_API") == "1") File.WriteAllText(Path, actual);
        Assert.Equal(File.ReadAllText(Path), actual);
    }

    private static IEnumerable<string> Describe(Assembly assembly)
    {
        foreach (Type type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            string name = Name(type, whole: true);
            string bases = type.IsEnum || type.BaseType is null || type.BaseType == typeof(object) || type.BaseType == typeof(ValueType) ? "" : $" : {Name(type.BaseType)}";
            yield return $"{Kind(type)} {name}{bases}";
            foreach (string member in Members(type).Order(StringComparer.Ordinal)) yield return $"  {member}";
        }
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            foreach (string name in Enum.GetNames(type)) yield return $"{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}";
            yield break;
        }

        const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (MemberInfo member in type.GetMembers(Declared))
        {
            // What the compiler writes for records says nothing.
            if (member.Name.Contains('<', StringComparison.Ordinal) || member.Name is "EqualityContract" or "PrintMembers") continue;
            switch (member)
            {
                case ConstructorInfo made when IsSeen(made) && !made.IsStatic:
                    yield return $"new({Parameters(made)})";
                    break;
                case MethodInfo method when IsSeen(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)):
                    yield return $"{(method.IsStatic ? "static " : "")}{Name(method.ReturnType)} {method.Name}{Generics(method)}({Parameters(method)})";
                    break;
                case PropertyInfo property when property.GetAccessors(nonPublic: true).Any(IsSeen):
                    string accessors = string.Join(' ', new[] { property.GetMethod, property.SetMethod }.Where(a => a is not null && IsSeen(a)).Select(a => Accessor(a!)));
                    ParameterInfo[] index = property.GetIndexParameters();
                    string at = index.Length == 0 ? "" : $"[{string.Join(", ", index.Select(p => Name(p.ParameterType)))}]";
                    yield return $"{(property.GetAccessors(nonPublic: true)[0].IsStatic ? "static " : "")}{Name(property.PropertyType)} {property.Name}{at} {{ {accessors} }}";
                    break;
                case FieldInfo field when field.IsPublic || field.IsFamily:
                    yield return $"{(field.IsLiteral ? "const " : field.IsStatic ? "static " : "")}{Name(field.FieldType)} {field.Name}";
                    break;
                case EventInfo raised:
                    yield return $"event {Name(raised.EventHandlerType!)} {raised.Name}";
                    break;
            }
        }
    }

    private static bool IsSeen(MethodBase method) => method.IsPublic || method.IsFamily;

    private static string Accessor(MethodInfo accessor)
    {
        if (accessor.ReturnType != typeof(void)) return "get;";
        return accessor.ReturnParameter.GetRequiredCustomModifiers().Any(m => m.Name == "IsExternalInit") ? "init;" : "set;";
    }

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        string way = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? parameter.IsIn ? "in " : "ref " : "";
        string otherwise = parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "default"}" : "";
        return $"{way}{Name(parameter.ParameterType)} {parameter.Name}{otherwise}";
    }

    private static string Generics(MethodInfo method) => method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>" : "";

    private static string Kind(Type type)
    {
        if (type.IsEnum) return "enum";
        if (type.IsInterface) return "interface";
        if (typeof(Delegate).IsAssignableFrom(type)) return "delegate";
        bool record = type.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly) is not null;
        string kind = type.IsValueType ? (type.IsByRefLike ? "ref struct" : record ? "record struct" : "struct") : record ? "record" : "class";
        return (type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type is { IsSealed: true, IsValueType: false } ? "sealed " : "") + kind;
    }

    private static string Name(Type type, bool whole = false)
    {
        if (type.IsByRef) return Name(type.GetElementType()!);
        if (type.IsArray) return $"{Name(type.GetElementType()!)}[]";
        if (type.IsGenericParameter) return type.Name;
        if (Nullable.GetUnderlyingType(type) is { } inner) return $"{Name(inner)}?";
        StringBuilder name = new(whole ? type.FullName : type.DeclaringType is null ? type.Name : $"{type.DeclaringType.Name}.{type.Name}");
        if (!type.IsGenericType) return name.ToString();
        int tick = name.ToString().IndexOf('`', StringComparison.Ordinal);
        if (tick >= 0) name.Length = tick;
        return $"{name}<{string.Join(", ", type.GetGenericArguments().Select(argument => Name(argument)))}>";
    }
}
